"""What people read over HTTP: a folder as a page, as JSON and as plain text.

`accept` decides which of them a request asks for; `folder` is a tree that makes them, and
`health` one with a page on how the server is.
"""
