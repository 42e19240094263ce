package saml

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/samlsign"
)

// signatures are right signatures of the issuer in every form that could mean something else than it seems.
func signatures(t testing.TB, r *rig) (all []message) {
	doctor := r.doctor()
	add := func(name string, want error, change func(*samlsign.Signer), edits ...string) {
		s := r.helseID
		change(&s)
		all = append(all, message{name, want, enclosed(edit(t, sign(t, s, doctor), edits...))})
	}
	enveloping, exc := samlsign.Transform(samlsign.Enveloped), samlsign.Transform(samlsign.ExcC14N)
	same := func(*samlsign.Signer) {}
	add("RSA with SHA-1", ErrShape, func(s *samlsign.Signer) { s.Method = "http://www.w3.org/2000/09/xmldsig#rsa-sha1" })
	add("a digest with SHA-1", ErrShape, func(s *samlsign.Signer) { s.Digest = "http://www.w3.org/2000/09/xmldsig#sha1" })
	add("HMAC with the public key", ErrShape, func(s *samlsign.Signer) { s.Method = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256" })
	add("a cut-off signature's parameter", ErrShape, same, "</SignatureMethod>", "<HMACOutputLength>8</HMACOutputLength></SignatureMethod>")
	add("inclusive C14N", ErrShape, func(s *samlsign.Signer) { s.C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315" })
	add("C14N with comments", ErrShape, func(s *samlsign.Signer) { s.C14N = excC14N + "WithComments" })
	add(`URI=""`, ErrShape, func(s *samlsign.Signer) { s.URI = "none" })
	add("URI=?ID", ErrShape, func(s *samlsign.Signer) { s.URI = "?" + doctor.ID })
	add("URI to the whole document", ErrShape, func(s *samlsign.Signer) { s.URI = "#xpointer(/)" })
	add("URI to another element", ErrShape, func(s *samlsign.Signer) { s.URI = "#other" })
	add("URI by xpointer", ErrShape, func(s *samlsign.Signer) { s.URI = "#xpointer(id('" + doctor.ID + "'))" })
	second := `<Reference URI="#other"><Transforms>` + exc + `</Transforms><DigestMethod Algorithm="` + samlsign.SHA256 + `"></DigestMethod><DigestValue>AA==</DigestValue></Reference>`
	add("two References", ErrShape, func(s *samlsign.Signer) { s.References = second })
	add("a Reference with a type", ErrShape, same, `<Reference `, `<Reference Type="http://www.w3.org/2000/09/xmldsig#Object" `)
	add("no enveloped transform", ErrShape, func(s *samlsign.Signer) { s.Transforms = exc })
	add("no canonicalization", ErrShape, func(s *samlsign.Signer) { s.Transforms = enveloping })
	add("transforms the other way round", ErrShape, func(s *samlsign.Signer) { s.Transforms = exc + enveloping })
	add("a transform with comments", ErrShape, func(s *samlsign.Signer) { s.Transforms = enveloping + samlsign.Transform(excC14N+"WithComments") })
	add("canonicalization twice", ErrShape, func(s *samlsign.Signer) { s.Transforms = exc + exc })
	add("three transforms", ErrShape, func(s *samlsign.Signer) { s.Transforms = enveloping + exc + exc })
	add("an XPath transform", ErrShape, func(s *samlsign.Signer) {
		s.Transforms = enveloping + `<Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><XPath>false()</XPath></Transform>`
	})
	add("an XSLT transform", ErrShape, func(s *samlsign.Signer) {
		s.Transforms = enveloping + samlsign.Transform("http://www.w3.org/TR/1999/REC-xslt-19991116")
	})
	add("no KeyInfo", ErrShape, func(s *samlsign.Signer) { s.KeyInfo = " " })
	certificate := samlsign.KeyInfo(r.helseID.Certificate)
	inKeyInfo := func(content string) func(*samlsign.Signer) {
		return func(s *samlsign.Signer) {
			s.KeyInfo = strings.Replace(certificate, "</KeyInfo>", content+"</KeyInfo>", 1)
		}
	}
	add("a name in KeyInfo", ErrShape, inKeyInfo("<KeyName>me</KeyName>"))
	add("a key in KeyInfo", ErrShape, inKeyInfo("<KeyValue><RSAKeyValue><Modulus>AQAB</Modulus><Exponent>AQAB</Exponent></RSAKeyValue></KeyValue>"))
	add("a key from elsewhere in KeyInfo", ErrShape, inKeyInfo(`<RetrievalMethod URI="http://example.org/key"></RetrievalMethod>`))
	add("text in KeyInfo", ErrShape, inKeyInfo("me"))
	add("the issuer's certificate beside a stranger's", ErrShape, func(s *samlsign.Signer) {
		s.KeyInfo = samlsign.KeyInfo(r.stranger.Certificate, r.helseID.Certificate)
	})
	add("an Object in the Signature", ErrShape, func(s *samlsign.Signer) { s.Inside = "<Object><x xmlns=\"urn:x\"></x></Object>" })
	add("a Signature in the Signature", ErrShape, func(s *samlsign.Signer) { s.Inside = "<Object><Signature></Signature></Object>" })
	add("two values", ErrShape, same, "</SignatureValue>", "</SignatureValue><SignatureValue>AA==</SignatureValue>")
	add("two SignedInfos", ErrShape, same, "<SignatureValue>", "<SignedInfo></SignedInfo><SignatureValue>")
	add("another namespace's SignedInfo", ErrShape, same, "<SignedInfo>", `<SignedInfo xmlns="urn:x">`)
	add("a value that is no base64", ErrSignature, same, "<SignatureValue>", "<SignatureValue>*")
	add("an empty value", ErrSignature, func(s *samlsign.Signer) {}, "<SignatureValue>", "<SignatureValue>", "</SignatureValue>", "==</SignatureValue>")
	add("an element in the value", ErrShape, same, "<SignatureValue>", "<SignatureValue><x></x>")
	return append(all, curves(t, r)...)
}

var valueForm = regexp.MustCompile(`<SignatureValue>[^<]*</SignatureValue>`)

// curves: the other ways to write the two numbers, and the wrong kind of key.
func curves(t testing.TB, r *rig) []message {
	good := sign(t, r.next, r.doctor())
	digest := sha256.Sum256([]byte("x"))
	der, err := ecdsa.SignASN1(rand.Reader, r.next.Key.(*ecdsa.PrivateKey), digest[:])
	if err != nil {
		t.Fatal(err)
	}
	value := func(b []byte) string {
		return enclosed(valueForm.ReplaceAllString(good, "<SignatureValue>"+base64.StdEncoding.EncodeToString(b)+"</SignatureValue>"))
	}
	return []message{
		{"ECDSA's numbers in DER", ErrSignature, value(der)},
		{"ECDSA's numbers both zero", ErrSignature, value(make([]byte, 64))},
		{"ECDSA's numbers too short", ErrSignature, value(make([]byte, 62))},
		{"half a number of ECDSA", ErrSignature, value([]byte{1})},
		{"ECDSA's name and an RSA key", ErrSignature, enclosed(edit(t, sign(t, r.helseID, r.doctor()), rsaSHA256, ecdsaPrefix+"256"))},
		{"RSA's name and an ECDSA key", ErrSignature, enclosed(edit(t, good, ecdsaPrefix+"256", rsaSHA256))},
	}
}

// signatureForm finds the element.
var signatureForm = regexp.MustCompile(`<Signature xmlns.*?</Signature>`)

// wrappings move a signed assertion to where a verifier finds it and put another where a reader finds it (Somorovsky and others, 2012).
func wrappings(t testing.TB, r *rig) []message {
	good := sign(t, r.helseID, r.doctor())
	signature := signatureForm.FindString(good)
	bare := edit(t, good, signature, "")
	evil := edit(t, bare, doctor, citizen, `ID="_`, `ID="_evil`)
	sameID := edit(t, bare, doctor, citizen)
	signed := func(text, signature string) string {
		return edit(t, text, "</saml:Issuer>", "</saml:Issuer>"+signature)
	}
	inside := func(text, end, more string) string { return edit(t, text, end, more+end) }
	wrapper := `<x:Wrapper xmlns:x="urn:x">` + good + `</x:Wrapper>`
	return []message{
		{"the good one in the Signature's Object", ErrShape, enclosed(signed(evil, inside(signature, "</Signature>", "<Object>"+bare+"</Object>")))},
		{"the good one in the Object, same id", ErrShape, enclosed(signed(sameID, inside(signature, "</Signature>", "<Object>"+bare+"</Object>")))},
		{"the good one before", ErrShape, enclosed(good + evil)},
		{"the good one after", ErrShape, enclosed(evil + good)},
		{"the good one after, with the signature moved", ErrShape, enclosed(signed(evil, signature) + bare)},
		{"the good one as the last child", ErrShape, enclosed(inside(signed(evil, signature), "</saml:Assertion>", bare))},
		{"the good one, signed, as the last child", ErrShape, enclosed(inside(evil, "</saml:Assertion>", good))},
		{"the good one in Advice", ErrShape, enclosed(inside(signed(evil, signature), "<saml:AttributeStatement>", "<saml:Advice>"+bare+"</saml:Advice>"))},
		{"the good one in an attribute", ErrShape, enclosed(inside(signed(evil, signature), "</saml:AttributeStatement>",
			`<saml:Attribute Name="x"><saml:AttributeValue>`+bare+`</saml:AttributeValue></saml:Attribute>`))},
		{"the good one in another wrapper, evil in Security", ErrShape, enclosed(wrapper + evil)},
		{"the good one in a wrapper in Security", ErrMissing, enclosed(wrapper)},
		{"the good one in another header", ErrShape, envelope + wrapper + security + evil + secured + tail},
		{"the good one in another header, same id", ErrShape, envelope + wrapper + security + signed(sameID, "") + secured + tail},
		{"the good one beside Security", ErrMissing, envelope + good + security + secured + tail},
		{"two Security headers", ErrShape, envelope + security + good + secured + security + evil + secured + tail},
		{"Security in Security", ErrMissing, envelope + security + security + good + secured + secured + tail},
		{"the good one in the body, evil signed alike", ErrSignature, envelope + security + signed(sameID, signature) + secured + "</s:Header><s:Body>" + bare + "</s:Body></s:Envelope>"},
		{"the good one in the body, evil unsigned", ErrSignature, envelope + security + evil + secured + "</s:Header><s:Body>" + good + "</s:Body></s:Envelope>"},
		{"two Headers", ErrMissing, envelope + security + good + secured + "</s:Header><s:Header>" + security + evil + secured + tail},
		{"Security in the body", ErrMissing, envelope + "</s:Header><s:Body>" + security + good + secured + "</s:Body></s:Envelope>"},
		{"the signature beside the assertion", ErrSignature, enclosed(signature + bare)},
		{"the signature as the last child", ErrSignature, enclosed(inside(bare, "</saml:Assertion>", signature))},
		{"the signature before the issuer", ErrShape, enclosed(edit(t, bare, "<saml:Issuer>", signature+"<saml:Issuer>"))},
		{"two signatures", ErrShape, enclosed(signed(good, signature))},
		{"the same id on another element", ErrShape, enclosed(good + `<u:Timestamp xmlns:u="urn:u" u:Id="` + r.doctor().ID + `"></u:Timestamp>`)},
		{"a second id on the assertion", ErrShape, enclosed(edit(t, good, "<saml:Assertion ", `<saml:Assertion xml:id="_other" `))},
		{"an encrypted assertion beside", ErrShape, enclosed(good + `<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"></saml:EncryptedAssertion>`)},
		{"an assertion of SAML 1.1 beside", ErrShape, enclosed(good + `<Assertion xmlns="urn:oasis:names:tc:SAML:1.0:assertion"></Assertion>`)},
		{"an assertion of another namespace", ErrMissing, enclosed(edit(t, good, "urn:oasis:names:tc:SAML:2.0:assertion", "urn:oasis:names:tc:SAML:2.1:assertion"))},
		{"a Security of another namespace", ErrMissing, edit(t, enclosed(good), "secext-1.0", "secext-1.1")},
		{"two issuers", ErrShape, enclosed(edit(t, good, "<saml:Subject>", "<saml:Issuer>x</saml:Issuer><saml:Subject>"))},
		{"another element before the issuer", ErrShape, enclosed(edit(t, good, "<saml:Issuer>", "<saml:Subject></saml:Subject><saml:Issuer>"))},
		{"no Security", ErrMissing, envelope + tail},
		{"an empty Security", ErrMissing, enclosed("")},
		{"SOAP 1.1", ErrShape, strings.ReplaceAll(enclosed(good), "http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope/")},
	}
}
