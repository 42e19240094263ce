package servicetest

import (
	"encoding/hex"
	"testing"

	"dokumentlager/internal/blob"
	"dokumentlager/internal/registry"
)

// Store is the service's object store, for tests that look behind it.
func (s *Service) Store(t testing.TB) *blob.S3 {
	t.Helper()
	p := s.Parts.S3
	store, err := blob.NewS3(blob.Config{Endpoint: p.Endpoint, Region: p.Region, Bucket: p.Bucket, AccessKey: p.AccessKey, SecretKey: p.SecretKey, PathStyle: true})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// Locator is the service's patient locator.
func (s *Service) Locator(t testing.TB) registry.Locator {
	t.Helper()
	secret, err := hex.DecodeString(s.LocatorKey)
	if err != nil {
		t.Fatal(err)
	}
	locator, err := registry.NewLocator(secret)
	if err != nil {
		t.Fatal(err)
	}
	return locator
}
