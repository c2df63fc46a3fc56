"""DHCP (RFC 2131) as far as network boot needs it: the proxy that names boot files."""
