"""HTTP/1.1 for machines that boot: GET and HEAD of a tree's names (RFC 9110, RFC 9112).

`message` reads a request's head, `ranges` and `dates` decide which part of a file it
asks for, `respond` writes the answer, `connection` is one connection without its
socket, `places` says who may have one, `engine` has the sockets, with `front` before it,
who answers again what was answered before. `secure` puts TLS between socket and machine.
"""
