"""The plugin's fixtures, also where the package was installed before it had them."""

from fastboot.testing.plugin import (  # noqa: F401 (pytest finds them here)
    async_boot_server,
    boot_content,
    boot_server,
    lossy_link,
)
