package main
type failoverCmd struct{}
func (*failoverCmd) Run() error { return nil }
type proxyCmd struct{}
func (*proxyCmd) Run() error { return nil }
