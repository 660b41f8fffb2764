package assurance

// The requirements to electronic identification means (elektroniske identifikationsmidler) and to the mechanism that
// authenticates with them, NSIS 2.0.2a sections 3.2 and 3.3, paraphrased.
var meansChapters = [...]chapter{
	{Section{"3.2.1", "Strength of the means", "Styrke af Elektronisk Identifikationsmiddel", AAL}, []row{
		{number: "1", level: Low, text: "the means uses at least one authentication factor"},
		{number: "2", level: Low, text: "the issuer takes reasonable steps so that only the owner controls and possesses the means"},
		{number: "3", level: Substantial, text: "the means uses at least two authentication factors of different categories",
			includes: []ID{"3.2.1(1)"}},
		{number: "4", level: Substantial, text: "the means can be presumed usable only while the owner controls and possesses it",
			includes: []ID{"3.2.1(2)"}},
		{number: "5", level: High, text: "the means is protected against copying and tampering by attackers of high capacity"},
		{number: "6", level: High, text: "the owner can reliably protect the means against use by others"},
	}},
	{Section{"3.2.2", "Delivery and activation", "Levering og aktivering", AAL}, []row{
		{number: "1", level: Low, text: "the means is delivered so that it presumably reaches only the intended person"},
		{number: "2", level: Substantial, text: "the means is delivered so that it is presumably handed only to the person it belongs to",
			includes: []ID{"3.2.2(1)"}},
		{number: "3", level: High, text: "activation verifies that the means was handed only to the person it belongs to",
			includes: []ID{"3.2.2(2)"}},
		{number: "4", level: High, text: "delivery is protected against theft in transit and against insiders, " +
			"for instance by two independent channels or separation of duties"},
	}},
	{Section{"3.2.3", "Suspension, revocation and reactivation", "Suspendering, spærring og genaktivering", AAL}, []row{
		{number: "1", level: Low, text: "the owner can suspend or revoke the means quickly and effectively"},
		{number: "2", level: Low, text: "nobody can shut the owner out by having the means suspended or revoked without right"},
		{number: "3", level: Low, text: "the means is reactivated only while the requirements that held before issuance still hold"},
		{number: "4", level: Low, text: "the issuer revokes the means when compromise is suspected, its data is wrong or no agreement is in force"},
		{number: "5", level: Low, text: "the owner gets a receipt for the revocation", when: "a receipt is possible"},
		{number: "6", level: Substantial, text: "suspension and revocation are available around the clock, highly reliably"},
		{number: "7", level: Substantial, text: "the issuer revokes the means when its owner is found to have ceased to exist"},
	}},
	{Section{"3.2.4", "Renewal and replacement", "Fornyelse og erstatning", AAL}, []row{
		{number: "1", level: Low, text: "proofing is repeated to the same requirements, " +
			"or rests on a valid electronic identification at the same or a higher level", when: "the means is renewed or replaced"},
		{number: "2", level: High, text: "person data and existence are verified afresh against an authoritative source",
			when: "renewal rests on an electronic identification"},
	}},
	{Section{"3.3.1", "Authentication mechanism", "Autentifikationsmekanismer", AAL}, []row{
		{number: "1", level: Low, text: "person data is released only after a reliable check of the means and its validity, " +
			"confidentially and with integrity"},
		{number: "2", level: Low, text: "stored person data is protected against loss and compromise, offline analysis included",
			when: "the mechanism stores person data"},
		{number: "3", level: Low, text: "the mechanism withstands guessing, eavesdropping, replay and manipulation by attackers of enhanced basic capacity"},
		{number: "4", level: Substantial, text: "the means is checked by dynamic authentication: the proof differs each time"},
		{number: "5", level: Substantial, text: "the mechanism withstands the same by attackers of moderate capacity", includes: []ID{"3.3.1(3)"}},
		{number: "6", level: High, text: "the mechanism withstands the same by attackers of high capacity", includes: []ID{"3.3.1(5)"}},
	}},
}
