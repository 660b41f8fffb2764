package assurance

// The requirements to identity proofing (identitetssikring), NSIS 2.0.2a section 3.1, paraphrased.
var identityChapters = [...]chapter{
	{Section{"3.1.1", "Application", "Ansøgning", IAL}, []row{
		{number: "1", level: Low, text: "the applicant is informed of the terms of use"},
		{number: "2", level: Low, text: "the applicant is informed of the precautions that use demands"},
		{number: "3", level: Low, text: "the data needed to prove and check the identity is collected"},
		{number: "4", level: Substantial, text: "the applicant accepts the terms and states having read them"},
	}},
	{Section{"3.1.2", "Identity proofing, natural person", "Verifikation af Identitet (fysiske personer)", IAL}, []row{
		{number: "1", level: Low, text: "a verification is carried out by a documented process with stated assumptions"},
		{number: "2", level: Low, text: "the applicant very probably holds commonly accepted evidence of the identity"},
		{number: "3", level: Low, text: "the evidence may be presumed genuine and valid"},
		{number: "4", level: Substantial, text: "possession of nationally recognised photo or biometric evidence is verified, " +
			"or the process for issuing a Danish passport or driving licence is followed", includes: []ID{"3.1.2(2)"}},
		{number: "5", level: Substantial, text: "the evidence is checked to be genuine, " +
			"or an authoritative source knows that it exists and belongs to a person"},
		{number: "6", level: Substantial, text: "the risk of lost, stolen, suspended, revoked or expired evidence is reduced, " +
			"the identity is validated against an authoritative source, and the person is not marked dead or missing"},
		{number: "7", level: Substantial, text: "only staff trained to judge evidence and detect fraud check it by hand",
			when: "evidence is checked by hand"},
		{number: "8", level: Substantial, text: "whoever registers the applicant is authenticated at Substantial or above",
			when: "somebody else registers the applicant"},
		{number: "9", level: High, text: "physical characteristics of the applicant are compared with an authoritative source, " +
			"in person or equivalently"},
		{number: "10", level: High, text: "applicant and evidence match physically with very high probability"},
		{number: "11", level: High, text: "whoever registers the applicant is authenticated at High",
			when: "somebody else registers the applicant", includes: []ID{"3.1.2(8)"}},
	}},
	{Section{"3.1.3", "Identity proofing, legal entity", "Verifikation af Identitet (juridiske enheder)", IAL}, []row{
		{number: "1", level: Low, text: "the existence of the entity is proven by recognised evidence or found in the CVR register"},
		{number: "2", level: Low, text: "name, legal form and registration number (CVR) are established without doubt"},
		{number: "3", level: Low, text: "the entity has no registered status, such as bankruptcy, that bars it from acting"},
		{number: "4", level: Low, text: "whoever registers the entity may be presumed authorised by it"},
		{number: "5", level: Low, text: "whoever registers the entity is authenticated at Low or above"},
		{number: "6", level: Substantial, text: "reasonable steps ensure that whoever registers is authorised, " +
			"and the authorisation is verified to be genuine", includes: []ID{"3.1.3(4)"}},
		{number: "7", level: Substantial, text: "whoever registers the entity is authenticated at Substantial or above",
			includes: []ID{"3.1.3(5)"}},
		{number: "8", level: High, text: "the authorisation of whoever registers is strongly validated", includes: []ID{"3.1.3(6)"}},
		{number: "9", level: High, text: "whoever registers the entity is authenticated at High", includes: []ID{"3.1.3(7)"}},
	}},
}

// The requirements to binding a natural person to a legal entity (professional identities), NSIS 2.0.2a section 5.2.
// They count towards IAL: they say in which capacity the person is who the token says.
var bindingChapters = [...]chapter{
	{Section{"5.2", "Binding between natural person and legal entity",
		"Binding (associering) mellem Elektroniske Identifikationsmidler for fysiske personer og juridiske enheder", IAL}, []row{
		{number: "1", level: Low, text: "either party can suspend or dissolve the binding"},
		{number: "2", level: Low, text: "an administrator of the entity can suspend or dissolve the binding, " +
			"and revoke means that were issued through the entity"},
		{number: "3", level: Low, text: "the binding is removed when the association ends, or the entity is bankrupt or wound up"},
		{number: "4", level: Low, text: "the identity of the person is proofed at Low or above"},
		{number: "5", level: Low, text: "the binding rests on the CVR register or another authoritative source, the entity included"},
		{number: "6", level: Low, text: "no authoritative source bars the person from acting for the entity"},
		{number: "7", level: Substantial, text: "the identity of the person is proofed at Substantial or above",
			includes: []ID{"5.2(4)"}},
		{number: "8", level: Substantial, text: "the binding is made under the control of the entity or from an authoritative source"},
		{number: "9", level: Substantial, text: "the procedures for making bindings are audited"},
		{number: "10", level: Substantial, text: "the binding is checked by a unique number of the entity (CVR) " +
			"and by unique data on the person from an authoritative source"},
		{number: "11", level: Substantial, text: "both the person and the entity are notified of the binding"},
		{number: "12", level: High, text: "the identity of the person is proofed at High", includes: []ID{"5.2(7)"}},
	}},
}
