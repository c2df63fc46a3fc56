"""Content and decisions of a program that embeds fastboot.

`template` and `mac` read what stands in a name, `request` and `seen` tell who asks,
`answer` makes content of what a function returns, `app` puts them together.
"""
