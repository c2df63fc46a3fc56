"""What `fastboot` can be told to do, a module each; `fastboot.cli` puts them together."""
