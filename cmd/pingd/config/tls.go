package config

// What --tls-auth-clients may say.
const (
	AuthYes      = "yes"
	AuthNo       = "no"
	AuthOptional = "optional"
	AuthAuto     = "auto"
)

// TLS tells whether this process speaks TLS.
func (o *Options) TLS() bool { return o.TLSCert != "" || o.TLSKey != "" || o.TLSCa != "" }

// AuthClients returns whether clients must show a certificate: AuthYes, AuthNo or
// AuthOptional. Without authorities there is nothing to check one against.
func (o *Options) AuthClients() string {
	switch {
	case o.TLSCert == "" || o.TLSCa == "":
		return AuthNo
	case o.TLSAuthClients != AuthAuto:
		return o.TLSAuthClients
	case o.Secret.Set():
		return AuthOptional
	}
	return AuthYes
}

// tls validates what is said about certificates, but not what the files hold.
func (v *validator) tls() {
	o := v.o
	v.oneOf("tls-auth-clients", o.TLSAuthClients, AuthAuto, AuthYes, AuthNo, AuthOptional)
	if !o.TLS() {
		for _, f := range []struct{ flag, value string }{{"tls-auth-clients", o.TLSAuthClients}, {"tls-name", o.TLSName}} {
			if at, ok := o.Given[f.flag]; ok && at.Kind == FromFlag {
				v.advise(v.spell(f.flag, f.value), "says nothing without certificates", "--tls-cert=node.crt --tls-key=node.key --tls-ca=ca.crt")
			}
		}
		return
	}
	if o.TLSName != "" {
		if rule := checkHost(o.TLSName); rule != "" {
			v.bad("tls-name", o.TLSName, rule, "pingd")
		}
	}
	switch {
	case o.TLSCert != "" && o.TLSKey == "":
		v.advise(v.spell("tls-cert", o.TLSCert), "needs its private key", "--tls-key=node.key")
	case o.TLSCert == "" && o.TLSKey != "":
		v.advise(v.spell("tls-key", o.TLSKey), "needs the certificate it belongs to", "--tls-cert=node.crt")
	case o.TLSCert == "" && o.Command.Name == "" && v.keepsListener():
		v.advise(v.spell("tls-ca", o.TLSCa), "makes this process speak TLS, and its listeners have no certificate", "--tls-cert=node.crt --tls-key=node.key")
	case o.TLSCa == "" && o.TLSAuthClients != AuthAuto && o.TLSAuthClients != AuthNo:
		v.advise(v.spell("tls-auth-clients", o.TLSAuthClients), "needs the authorities that sign the certificates of clients", "--tls-ca=ca.crt")
	case o.TLSCa == "" && !o.Secret.Set() && o.Command.Name == "" && o.Starts(Store):
		v.advise(v.spell("tls-cert", o.TLSCert), "hides what is said, but without --tls-ca or a secret everybody may take part in the cluster",
			"--tls-ca=ca.crt, or --secret-file=pingd.secret, made by "+makeSecret("pingd.secret"))
	}
}

// keepsListener tells whether this process has a listener that speaks TLS.
func (v *validator) keepsListener() bool {
	for _, l := range v.o.listening() {
		if l.private && l.addr != Off {
			return true
		}
	}
	return false
}
