"""Folders of static files that a service shows to browsers, declared as `Service(folders=[StaticFolder(...)])`."""

from collections.abc import Mapping, Sequence

from chassis.entity import Value

FOLDER_BYTES_MAX = 32 * 1024 * 1024
"""Files are kept in memory, so a folder has a limit."""


class StaticFolder(Value):
    """A folder of static files inside a package, served below a path to anybody, also in maintenance windows.

    path           below the service's base path, `/ui`; without a slash at the end it redirects (308) to `/ui/`
    package        the package that holds the folder, `services.visualgrid`
    folder         its name there; every file in it is served, `index.html` for a path that ends in a slash
    call           the word in metrics and stats, as the call name of an endpoint
    style_hashes   hashes of style sheets that may stand in a page, `sha256-…`; scripts never may
    headers        set beside the security headers, or in their place

    A file may lie there compressed beforehand as well, named `app.js.gz` or `app.js.br`.
    """

    path: str
    package: str
    folder: str
    call: str
    style_hashes: Sequence[str] = ()
    headers: Mapping[str, str] = {}


def security_headers(folder: StaticFolder) -> dict[str, str]:
    """The headers of every file of a folder: no foreign content, no framing, no referrer, always revalidated."""
    styles = " ".join(["'self'", *(f"'{each}'" for each in folder.style_hashes)])
    policy = (
        f"default-src 'none'; script-src 'self'; style-src {styles}; img-src 'self' data: blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
        **folder.headers,
    }
