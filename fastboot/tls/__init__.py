"""HTTPS's certificates: given ones, or our own, made at the first start and kept.

`authority` makes keys and certificates, `store` keeps them in a folder, `context` makes
of them what a TLS socket needs, `enrol` tells people how machines come to trust them.
"""
