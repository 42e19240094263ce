package ebxml

// What tests look at inside.
var (
	ParseDTM          = parseDTM
	ParsePerson       = parsePerson
	ParseOrganisation = parseOrganisation
	ParseRole         = parseRole
	BirthDate         = birthDate
)
