package registry

// SQL is the statement that Find sends: tests look at its plan.
func (q Query) SQL() (string, []any) { return q.sql() }

// SQL is the statement that FindLists sends.
func (q ListQuery) SQL() (string, []any) { return q.sql() }
