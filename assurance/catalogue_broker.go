package assurance

// The requirements to the organisation behind an identity service, NSIS 2.0.2a section 4.1, paraphrased.
var organisationChapters = [...]chapter{
	{Section{"4.1.1", "General requirements", "Generelle krav", FAL}, []row{
		{number: "1", level: Low, text: "the organisation is a legal entity registered in the EU and meets all requirements to what it offers"},
		{number: "2", level: Low, text: "the organisation obeys the law, data protection and eIDAS among it"},
		{number: "3", level: Low, text: "the organisation answers for obligations left to third parties"},
		{number: "4", level: Substantial, text: "the organisation can document that it can bear liability and finance its operation"},
		{number: "5", level: Substantial, text: "a termination plan covers orderly closing or takeover, notices and what becomes of data",
			when: "the organisation is private"},
	}},
	{Section{"4.1.2", "Duty to inform", "Oplysningspligt", FAL}, []row{
		{number: "1", level: Low, text: "a service description with terms, prices, limits and privacy policy is published"},
		{number: "2", level: Low, text: "users and relying parties are told their duties for a level to be reached"},
		{number: "3", level: Low, text: "the terms oblige owners to follow policy, not to share their means, to answer truthfully, " +
			"to protect the means, and to have it revoked or renewed at once when needed"},
	}},
	{Section{"4.1.3", "Information security management", "Informationssikkerhedsledelse", FAL}, []row{
		{number: "1", level: Low, text: "an effective information security management system covers the service"},
		{number: "2", level: Substantial, text: "the management system follows the principles of ISO 27001", includes: []ID{"4.1.3(1)"}},
		{number: "3", level: Substantial, text: "a contingency plan covers everything essential"},
		{number: "4", level: High, text: "the management system is certified to ISO 27001 or documented equivalently",
			includes: []ID{"4.1.3(2)"}},
	}},
	{Section{"4.1.4", "Documentation and records", "Dokumentation og registerføring", FAL}, []row{
		{number: "1", level: Low, text: "relevant information is archived and protected by law and good practice"},
		{number: "2", level: Low, text: "relevant information is registered and kept up to date in an effective record system"},
		{number: "3", level: Low, text: "information and logs are kept and protected as long as audit or investigation needs them " +
			"and the law allows, then deleted securely"},
	}},
	{Section{"4.1.5", "Facilities and staff", "Faciliteter og personale", FAL}, []row{
		{number: "1", level: Low, text: "procedures ensure that staff and subcontractors are trained, qualified and experienced"},
		{number: "2", level: Low, text: "there is enough staff to run and maintain the service by its policies"},
		{number: "3", level: Low, text: "facilities are monitored and protected against disasters and unauthorised access"},
		{number: "4", level: Low, text: "only authorised staff enter areas with personal, cryptographic or confidential information"},
		{number: "5", level: Substantial, text: "people in trusted roles are checked for disqualifying crimes, training and experience"},
		{number: "6", level: Substantial, text: "who has had access to central operations rooms can be documented"},
		{number: "7", level: Substantial, text: "privileged access to production systems is secured and monitored"},
		{number: "8", level: High, text: "access to and presence in central operations rooms are under video surveillance"},
		{number: "9", level: High, text: "facilities have perimeter protection to DS 471 or equivalent"},
	}},
	{Section{"4.1.6", "Technical controls", "Tekniske kontroller", FAL}, []row{
		{number: "1", level: Low, text: "reasonable technical controls protect confidentiality, integrity and availability"},
		{number: "2", level: Low, text: "channels that carry person data are protected against eavesdropping, manipulation and replay"},
		{number: "3", level: Low, text: "key material is open only to roles and applications that need it and never stored in clear"},
		{number: "4", level: Low, text: "procedures keep security up over time and answer changed risks, incidents and breaches"},
		{number: "5", level: Low, text: "media with personal, cryptographic or confidential information are stored, moved and disposed of securely"},
		{number: "6", level: Substantial, text: "stored sensitive key material is protected against manipulation"},
		{number: "7", level: Substantial, text: "no algorithm or protocol with known weaknesses or too short keys is used"},
	}},
	{Section{"4.1.7", "Notification and audit", "Anmeldelse og revision", FAL}, []row{
		{number: "1", level: Low, text: "the notification describes technical and security design, level and name"},
		{number: "2", level: Low, text: "the notification declares that the requirements of the level are met"},
		{number: "3", level: Low, text: "internal audit covers the service, and management confirms the notification every year"},
		{number: "4", level: Substantial, text: "the declaration is backed by an independent auditor and by management, " +
			"and by a new auditor's statement every year", includes: []ID{"4.1.7(2)", "4.1.7(3)"}},
		{number: "5", level: Substantial, text: "the auditor's statement follows the NSIS audit guide, with the control form for Substantial"},
		{number: "6", level: High, text: "the auditor's statement follows the NSIS audit guide, with the control form for High",
			includes: []ID{"4.1.7(5)"}},
	}},
}

// The requirements to identity brokers (identitetsbrokere), NSIS 2.0.2a section 6, paraphrased.
var brokerChapters = [...]chapter{
	{Section{"6", "Identity brokers", "Krav til Identitetsbrokere", FAL}, []row{
		{number: "1", level: Low, text: "tokens are issued only right after an authentication, from a valid authenticated session, " +
			"or in exchange for a valid token of a trusted broker"},
		{number: "2", level: Low, text: "the token states its LoA readably: the minimum of the authentication, " +
			"the broker's own level and the level of every broker used"},
		{number: "3", level: Low, text: "tokens are signed with the broker's private key and travel over encrypted channels only"},
		{number: "4", level: Low, text: "the signing key is protected against unauthorised access"},
		{number: "5", level: Low, text: "sessions expire, and the user can log out of all of them at once"},
		{number: "6", level: Low, text: "sessions are protected against takeover"},
		{number: "7", level: Low, text: "every request to the broker and every answer is written to an integrity-protected log"},
		{number: "8", level: Substantial, text: "a relying party can opt out of single sign-on in its request"},
		{number: "9", level: Substantial, text: "the token is limited to named services"},
		{number: "10", level: Substantial, text: "tokens with confidential or sensitive person data are encrypted to their recipient",
			when: "such tokens travel through the browser"},
		{number: "11", level: Substantial, text: "the signing key is protected against insiders and outsiders, " +
			"with procedures for its whole life cycle", includes: []ID{"6(4)"}},
		{number: "12", level: Substantial, text: "the signing key is in tamper-resistant hardware, FIPS 140-2 level 3 or equivalent",
			when: "the service is national"},
		{number: "13", level: High, text: "the signing key is in tamper-resistant hardware, FIPS 140-2 level 3 or equivalent",
			includes: []ID{"6(12)"}},
		{number: "14", level: High, text: "the signing key is generated in hardware and cannot be exported in clear"},
	}},
}
