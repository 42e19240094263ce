package soap

// ParseMediaTypeForTest shows the parser of Content-Type to its fuzz target.
func ParseMediaTypeForTest(s string) (name string, params map[string]string, ok bool) {
	m, err := parseMediaType(s)
	return m.name, m.params, err == nil
}
