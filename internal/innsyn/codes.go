package innsyn

import (
	"dokumentlager/internal/document"
	"dokumentlager/internal/terminology"
)

// Coded is a code with its words. One that we have no words for has none.
type Coded struct {
	Code string
	// System is the code's, as an OID; empty when it is not known.
	System string
	Phrase
}

// role is the health worker's, a code of 9060; nil for one that is none: it may hold anything.
func role(code string) *Coded {
	text := terminology.Display(terminology.HealthPersonnel, code)
	if text == "" {
		return nil
	}
	return &Coded{Code: code, System: terminology.HealthPersonnel, Phrase: Phrase{text, roles[code]}}
}

// typeOf is a document's type. Events keep the code alone; it is of 9602 where that has it (D1).
func typeOf(code string) *Coded {
	if code == "" {
		return nil
	}
	text := terminology.Display(terminology.DocumentType, code)
	if text == "" {
		return &Coded{Code: code, Phrase: Phrase{"Dokument", "Document"}}
	}
	return &Coded{Code: code, System: terminology.DocumentType, Phrase: Phrase{text, types[code]}}
}

// restored gives back the system that an event did not keep: N, R and V are HL7's (C1), all others stand in 9603.
func restored(codes []string) []document.Code {
	var all []document.Code
	for _, c := range codes {
		system := terminology.ConfidentialityNO
		if c == "N" || c == "R" || c == "V" {
			system = terminology.ConfidentialityHL7
		}
		all = append(all, document.Code{Value: c, System: system})
	}
	return all
}

// roles are 9060 in English.
var roles = map[string]string{
	"AA": "Ambulance worker", "AT": "Pharmacy technician", "AU": "Audiologist", "BI": "Biomedical scientist", "ET": "Occupational therapist",
	"FA1": "Pharmacist", "FA2": "Prescriptionist (dispensing pharmacist)", "FB": "Fish health biologist", "FO": "Podiatrist", "FT": "Physiotherapist",
	"HE": "Medical secretary", "HF": "Health care worker", "HP": "Auxiliary nurse", "JO": "Midwife", "KE": "Clinical dietitian", "KI": "Chiropractor",
	"LE": "Doctor", "MT": "Manual therapist", "NP": "Naprapath", "OA": "Care worker", "OI": "Prosthetist and orthotist", "OP": "Optician", "OR": "Orthoptist",
	"OS": "Osteopath", "PE": "Perfusionist", "PM": "Paramedic", "PS": "Psychologist", "RA": "Radiographer", "SP": "Nurse", "TH": "Dental secretary",
	"TL": "Dentist", "TP": "Dental hygienist", "TT": "Dental technician", "VE": "Veterinarian", "VP": "Social educator", "XX": "Unknown or not specified",
}

// types are the type codes of 9602 in English.
var types = map[string]string{
	"A01-2": "Crisis plan", "A02-2": "Individual plan", "A03-2": "Discharge summary", "A04-2": "Nursing summary", "A05-2": "Physiotherapy summary",
	"A06-2": "Occupational therapy summary", "A07-2": "Psychologist's summary", "A08-2": "Social worker's summary", "A09-2": "Dietitian's summary",
	"A10-2": "Summary by other health personnel", "A11-2": "Interdisciplinary summary", "A12-2": "Information to the patient at discharge",
	"A13-2": "Outpatient summary", "B01-2": "Interdisciplinary treatment plan", "B02-2": "Record note", "B03-2": "Outpatient note",
	"C01-2": "Medical biochemistry", "C02-2": "Blood bank and immunology", "C03-2": "Microbiology, virology and serology",
	"C04-2": "Pathology, histology and cytology", "C05-2": "Clinical pharmacology", "C06-2": "Medical genetics", "C07-2": "Allergy testing",
	"D01-2": "Heart and circulation", "D02-2": "Lungs", "D03-2": "Digestion", "D04-2": "Urinary tract", "D05-2": "Gynaecology and reproduction",
	"D06-2": "Nervous system", "D07-2": "Joints, bones and skeleton", "D08-2": "Ear, nose and throat", "D09-2": "Eye", "D10-2": "Skin",
	"D11-2": "Endocrinology", "D12-2": "Metabolism", "D13-2": "Bone marrow smear", "E01-2": "Imaging results", "E02-2": "Photo and film",
	"F01-2": "Observation chart", "F02-2": "Anaesthesia and operation reports", "F03-2": "Intensive care and postoperative observation",
	"F04-2": "Pregnancy and birth", "F05-2": "Diabetes and endocrinology", "F06-2": "Oncology and haematology", "F07-2": "Kidney and dialysis",
	"F08-2": "Pain treatment", "F09-2": "Ambulance record", "F10-2": "Transplantation", "I01-2": "Referrals", "I02-2": "Letters",
	"J01-2": "Sick notes and benefits", "J02-2": "Medical certificate of death", "S01-2": "Tests", "S02-2": "Systematic diagnostic interviews",
	"S03-2": "Assessment of the risk of violence",
}
