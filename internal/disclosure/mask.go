package disclosure

import (
	"dokumentlager/internal/document"

	"github.com/samber/lo"
)

// What a masked entry shows in place of content, as the national service does (nhn.md (c)).
const (
	maskedTitle = "Sperret"
	maskedText  = "*****"
)

// mask takes everything out but the organisation's name, the class, and what a list needs to stand in order and be counted
// (C2, C8): identifiers of the entry itself, which say nothing, and its creation time.
func mask(e document.Entry) document.Entry {
	hidden := document.Code{Value: maskedText}
	return document.Entry{
		ID: e.ID, LogicalID: e.LogicalID, Version: e.Version, UniqueID: e.UniqueID, Status: e.Status,
		Patient:         document.PatientID{Value: maskedText, Authority: e.Patient.Authority},
		Class:           e.Class,
		Type:            hidden,
		Format:          hidden,
		Facility:        hidden,
		Practice:        hidden,
		Confidentiality: e.Confidentiality,
		Title:           maskedTitle,
		Authors:         institutions(e.Authors),
		Creation:        e.Creation,
		MimeType:        maskedMime,
		Registered:      e.Registered,
		OnDemand:        e.OnDemand, // by which it stands in order, and where it would be fetched
		Repository:      e.Repository,
	}
}

// maskedMime stands for a content type that is not told: attachment.contentType is required in an answer.
const maskedMime = "application/octet-stream"

// institutions keeps who made it as an organisation and drops who as a person.
func institutions(authors []document.Author) []document.Author {
	kept := lo.FilterMap(authors, func(a document.Author, _ int) (document.Author, bool) {
		return document.Author{Institutions: a.Institutions}, len(a.Institutions) > 0
	})
	return kept
}
