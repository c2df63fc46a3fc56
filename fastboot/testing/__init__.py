"""Tools to test a boot server with: firmware without machines, links that lose packets.

They come as pytest fixtures (`plugin`), and work without pytest as well:

    from fastboot.testing.server import BootServer

    with BootServer("./images") as server:
        booted = server.boot("edk2-pxe")
        assert booted.files["ipxe.efi"].startswith(b"MZ")

`firmware` says how each firmware asks, `boot` goes through a boot from the first DISCOVER
to the last byte, `loading` has TFTP and HTTP as firmware speaks them, `router` stands for
the network's own DHCP server, `link` is a UDP link that loses, doubles and swaps.
"""
