package assurance

// Levels is how sure a broker is of one authentication, on the three axes of NSIS 2.0.2a.
// The zero value asserts nothing. A value outside the four levels counts as None on its axis.
type Levels struct {
	IAL Level `json:"ial"` // identity proofing: who is this person (NSIS 3.1)
	AAL Level `json:"aal"` // the authenticators and the mechanism used this time (NSIS 3.2, 3.3)
	FAL Level `json:"fal"` // the broker that asserts it, and every broker before it (NSIS 4, 6)
}

// LoA is the level of assurance that may be asserted to a relying party: the weakest of the three axes (NSIS 6.2).
func (l Levels) LoA() Level { return min(l.IAL.reached(), l.AAL.reached(), l.FAL.reached()) }

// Meet returns, axis by axis, the weaker of l and o. It is how one more broker in a chain, or one more authentication
// of the same person, limits what can be asserted.
func (l Levels) Meet(o Levels) Levels {
	return Levels{
		IAL: min(l.IAL.reached(), o.IAL.reached()),
		AAL: min(l.AAL.reached(), o.AAL.reached()),
		FAL: min(l.FAL.reached(), o.FAL.reached()),
	}
}

// Under returns l as asserted by a broker of level fal: no axis is raised, FAL is at most fal.
func (l Levels) Under(fal Level) Levels {
	return l.Meet(Levels{IAL: High, AAL: High, FAL: fal})
}
