package registry

// SQL is the statement that Find sends: tests look at its plan.
func (q Query) SQL() (string, []any) { return q.sql() }
