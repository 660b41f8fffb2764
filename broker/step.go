package broker

// Step is what must happen next in a transaction: Show, Consenting, Done, Refuse, Leave or Left.
type Step interface{ step() }

// Show carries a connector's Turn to the browser: a Prompt, Wait, Redirect or Post, never another.
type Show struct{ Turn Turn }

// Consenting asks the person whether the party may receive the claims.
type Consenting struct {
	Claims   []string
	CPRBasis string // the registered legal basis, where the claims hold the CPR number
}

// Done ends a login: the protocol adapter answers with the Result.
type Done struct{ Result Result }

// Refuse ends a login without a result. Explain is true while the person should be told why, in plain words, with a way
// back to the service; the adapter answers the party with Err once Explain is false.
type Refuse struct {
	Err     *Error
	Explain bool
}

// Leave asks the person to confirm a logout.
type Leave struct{}

// Left ends a logout and says who was told.
type Left struct{ Participants []Participant }

func (Show) step()       {}
func (Consenting) step() {}
func (Done) step()       {}
func (Refuse) step()     {}
func (Leave) step()      {}
func (Left) step()       {}
