"""A line for each failure of upstream that tells an operator what to do about it."""

from app import errors

REMEDIES: dict[type[errors.CxfacadeError], str] = {
    errors.UpstreamAuth: (
        "The upstream refuses the credentials; set CXF_USERNAME and CXF_PASSWORD to a user with a password of its own, "
        "or to an API key and its secret."
    ),
    errors.UpstreamForbidden: (
        "The upstream denies these interactions; check that CXF_TENANT_ID is the tenant of CXF_USERNAME, "
        "and that this user has the permission INTERACTIONS_API_READ_ALL."
    ),
    errors.UpstreamUnknownTenant: (
        "The upstream does not know the tenant; check CXF_TENANT_ID, and that CXF_UPSTREAM_URL is the tenant's region."
    ),
    errors.UpstreamWrongTenant: "The upstream answered for another tenant; check CXF_TENANT_ID.",
    errors.UpstreamUnreachable: (
        "Nothing answers at CXF_UPSTREAM_URL; check its host and port, and that a firewall lets this machine out."
    ),
    errors.UpstreamDns: (
        "The host name in CXF_UPSTREAM_URL does not resolve; check its spelling and this machine's DNS."
    ),
    errors.UpstreamTls: (
        "The certificate or TLS handshake of CXF_UPSTREAM_URL is not acceptable; check the URL, this machine's clock, "
        "and that nothing on the way replaces certificates."
    ),
    errors.UpstreamTimeout: (
        "The upstream did not answer in time; check CXF_UPSTREAM_URL and the network, or try again later."
    ),
    errors.UpstreamReset: (
        "The upstream closed the connection without an answer; check the scheme and port of CXF_UPSTREAM_URL."
    ),
    errors.UpstreamRedirect: (
        "CXF_UPSTREAM_URL answers with a redirect, which is not followed; set it to the final address."
    ),
    errors.UpstreamBadAnswer: "What answers at CXF_UPSTREAM_URL is not the reporting API; check the URL.",
    errors.UpstreamShape: "The answer from CXF_UPSTREAM_URL has an unknown form; check the URL.",
    errors.UpstreamTooLarge: "A single row from CXF_UPSTREAM_URL is larger than an answer may be; check the URL.",
    errors.UpstreamRefusedQuery: "The upstream refuses a plain question; check CXF_UPSTREAM_URL.",
    errors.UpstreamThrottled: "The upstream asks for a pause; try again in a minute.",
    errors.UpstreamServerError: "The upstream failed on its side; try again later.",
    errors.UpstreamUnavailable: "The upstream is not available now; try again later.",
    errors.UpstreamBusy: "Every connection to the upstream is taken; raise CXF_UPSTREAM_CONCURRENCY.",
    errors.UpstreamCircuitOpen: "The upstream is left alone after failures; try again in a minute.",
    errors.CxfacadeError: "The fault is in cxfacade itself; report it together with what cxfacade --version prints.",
}
"""The fault and what to do about it, by the nearest class; names settings, never their values."""


def remedy(error: errors.CxfacadeError) -> str:
    """One line: the fault, and what to do about it."""
    return next(REMEDIES[kind] for kind in type(error).__mro__ if kind in REMEDIES)
