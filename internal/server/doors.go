package server

import (
	"net/http"
)

// doors makes the protocols' doors from the parts. This is the one place where a new door is wired.
func (p *parts) doors() []Door {
	return nil
}

// docs answers /docs and /openapi.yaml.
func docs() http.Handler { return nil }
