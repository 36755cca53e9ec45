package main

type storeCmd struct{}

func (*storeCmd) Run() error { return nil }

type failoverCmd struct{}

func (*failoverCmd) Run() error { return nil }

type proxyCmd struct{}

func (*proxyCmd) Run() error { return nil }
