package submission

import (
	"fmt"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/tenant"

	"github.com/samber/lo"
)

// xdsHome finds the instance of an XDS message: by the one home community that its objects state, which the profile leaves to them; else by the
// repositoryUniqueId of its documents, where it brings them; else it is the organisation's only one (docs/profiles.md).
func (v *verdict) xdsHome(mine []tenant.Tenant) (string, bool) {
	stated := map[string]string{}
	if v.request.HomeCommunity != "" {
		stated[v.request.HomeCommunity] = "set.homeCommunityId"
	}
	for i, d := range v.request.Documents {
		if d.HomeCommunity != "" && stated[d.HomeCommunity] == "" {
			stated[d.HomeCommunity] = at(i, "homeCommunityId")
		}
	}
	switch homes := lo.Keys(stated); {
	case len(homes) > 1:
		v.problems.Add(fault.New(fault.UnknownCommunity, "The objects of one message name several home communities. Send one message for each.").At("set.homeCommunityId").By("T4"))
		return "", false
	case len(homes) == 1 && !document.IsOID(homes[0]):
		return "", false // told by the door
	case len(homes) == 1:
		return homes[0], true
	}
	if home := v.byRepository(mine); home != "" {
		return home, true
	}
	if len(mine) == 1 {
		return mine[0].HomeCommunity, true
	}
	if len(mine) == 0 {
		v.problems.Add(foreign().At("set.homeCommunityId"))
		return "", false
	}
	v.problems.Add(fault.New(fault.MissingHomeCommunity, "The organisation has several instances, and the message does not say which it is for. Put the instance's OID on the submission "+
		"set as home, or its repositoryUniqueId on the documents.").At("set.homeCommunityId").By("T4"))
	return "", false
}

// byRepository is the home of the instance whose repository all documents name that name one; empty when there is none.
func (v *verdict) byRepository(mine []tenant.Tenant) (home string) {
	if v.request.Form != Provide {
		return "" // theirs is another repository
	}
	for _, d := range v.request.Documents {
		t, found := lo.Find(mine, func(t tenant.Tenant) bool { return d.Entry.Repository != "" && t.Repository == d.Entry.Repository })
		switch {
		case !found && d.Entry.Repository == "":
		case !found, home != "" && home != t.HomeCommunity:
			return ""
		default:
			home = t.HomeCommunity
		}
	}
	return home
}

// checkRegistered: what XDS requires of an entry beside what every door does, and what each transaction has for itself (spec/ihe.md 1.5, 1.8).
func (v *verdict) checkRegistered(i int) {
	e, d := v.entries[i], v.request.Documents[i]
	v.checkLength(e.UniqueID, at(i, "uniqueId"))
	if e.Language == "" {
		v.problems.Add(missing(at(i, "languageCode"), "The document's language (languageCode)"))
	}
	if e.SourcePatient.ID.IsZero() {
		v.problems.Add(missing(at(i, "sourcePatient"), "The patient's identifier at the source (sourcePatientId)"))
	}
	if onDemand := v.request.Form == OnDemand; e.OnDemand != onDemand {
		v.problems.Add(fault.New(fault.MetadataError, "On-Demand entries are registered by ITI-61 and by nothing else, and stable ones by ITI-41 and 42.").At(at(i, "objectType")).By("W4"))
		return
	}
	switch v.request.Form {
	case Provide:
		if d.Bytes == nil {
			v.problems.Add(fault.New(fault.MissingDocument, "The entry's document is not in the message: no Document has the entry's id, or it is empty.").At(at(i, "document")).By("W2"))
		}
	case OnDemand:
		v.checkElsewhere(i)
		if !e.Creation.IsZero() || d.DeclaredSize >= 0 || len(d.DeclaredHash) > 0 {
			v.problems.Add(fault.New(fault.MetadataError, "An On-Demand entry has no creationTime, size and hash: its document is made when it is asked for.").
				At(fmt.Sprintf("documents[%d]", i)).By("W4"))
		}
	case Registration:
		v.checkElsewhere(i)
		if d.DeclaredSize < 0 {
			v.problems.Add(missing(at(i, "size"), "The document's size, which only its repository knows"))
		}
		if len(d.DeclaredHash) == 0 {
			v.problems.Add(missing(at(i, "hash"), "The document's hash, which only its repository knows"))
		}
	}
}

// checkLength: a uniqueId of XDS has 128 characters at most (ITI TF-3 table 4.2.3.1.7-2); the registry's index takes a few more.
func (v *verdict) checkLength(uniqueID, location string) {
	if len(uniqueID) > maxUniqueID {
		v.problems.Add(fault.New(fault.MetadataError, "The unique identifier has %d characters; at most %d.", len(uniqueID), maxUniqueID).At(location).By("W4"))
	}
}

// checkElsewhere: what is registered without its bytes says which repository has them, and that is not ours, which has only what it received.
func (v *verdict) checkElsewhere(i int) {
	switch e := v.entries[i]; e.Repository {
	case "":
		v.problems.Add(missing(at(i, "repositoryUniqueId"), "The repository that keeps the document (repositoryUniqueId)"))
	case v.tenant.Repository:
		v.problems.Add(fault.New(fault.MetadataError, "The repositoryUniqueId is that of this instance, which keeps what ITI-41 brings and nothing else.").
			At(at(i, "repositoryUniqueId")).By("W4"))
	}
}

// checkLinks: what can be said of associations before anything is looked up.
func (v *verdict) checkLinks() {
	if v.request.Form.xds() {
		v.checkLength(v.set.UniqueID, "set.uniqueId")
	}
	for i, l := range v.request.Links {
		kind := l.Association.Type
		if l.Update || kind == document.UpdateStatus || kind == document.SubmitAssociation {
			v.problems.Add(fault.New(fault.MetadataError, "The association updates what is registered; this transaction registers what is new. Updates are sent by ITI-57 or 92.").
				At(inLink(i, "")).By("W4"))
		}
		if err := registry.CheckDocumentation(l.Association.Documentation); err != nil {
			for _, p := range fault.Of(err) {
				v.problems.Add(p.At(inLink(i, "documentation")))
			}
		}
	}
}
