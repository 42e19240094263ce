package saml

import "testing"

// BenchmarkVerify is one check of a header, on one core.
func BenchmarkVerify(b *testing.B) {
	r := newRig(b)
	for name, text := range map[string]string{
		"doctor, RSA-2048":     enclosed(sign(b, r.helseID, r.doctor())),
		"doctor, ECDSA P-256":  enclosed(sign(b, r.next, r.doctor())),
		"citizen, RSA-2048":    enclosed(sign(b, r.helsenorge, r.citizen())),
		"refused for its role": edit(b, enclosed(sign(b, r.helseID, r.doctor())), `code="LE"`, `code="SP"`),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				_, _ = r.Verify([]byte(text))
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "checks/s")
		})
	}
}
