package devstack

// FindVersitygw lets the tests copy the program to another user's folder.
func FindVersitygw() (string, error) { return findVersitygw("") }
