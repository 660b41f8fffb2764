package broker

// Twin reports whether two results are of one login.
func (r Result) Twin(o Result) bool { return r.tx == o.tx }
