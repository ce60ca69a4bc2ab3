"""Request headers that clients, proxies and frameworks send or read, and that say nothing to this service."""

_NAMES = """
a-im accept-ch accept-charset accept-datetime accept-language accept-patch accept-post accept-signature
access-control-request-headers access-control-request-method age akamai-client-ip akamai-origin-hop allow alpn
alt-svc alt-used arr-disable-session-affinity authentication-info available-dictionary aws-cf-id base-url
cache-status cache-tag cdn-cache-control cdn-loop cf-access-client-id cf-cache-status cf-connecting-ip
cf-connecting-ipv6 cf-device-type cf-ew-via cf-ipcountry cf-pseudo-ipv4 cf-ray cf-request-id cf-visitor
cf-worker clear-site-data client-cert client-cert-chain client-id client-ip client-protocol
cloudfront-forwarded-proto cloudfront-is-desktop-viewer cloudfront-is-mobile-viewer cloudfront-viewer-address
cloudfront-viewer-country cluster-client-ip connection contact-id content-disposition content-encoding
content-language content-location content-md5 content-range content-security-policy content-type cookie cookie2
correlation-id critical-ch cross-origin-opener-policy date debug delta-base depth destination device-memory
digest dnt downlink dpop dpr early-data ect etag expires fastly-client-ip fastly-ff fastly-ssl fly-client-ip
fly-forwarded-port forwarded forwarded-for forwarded-host forwarded-proto from front-end-https http2-settings
idempotency-key if incap-client-ip is-https keep-alive last-event-id last-modified link location lock-token
max-forwards media-type memento-datetime method mime-version negotiate nel no-vary-search odata-version origin
origin-agent-cluster original-host original-uri p3p permissions-policy ping-from ping-to position prefer
preference-applied priority proxy proxy-authenticate proxy-authorization proxy-client-ip proxy-connection
proxy-host proxy-status proxy-url real-ip redirected referer referrer-policy refresh report-to request-host
request-id request-uri retry-after rewrite-url rtt save-data sec-ch-prefers-color-scheme sec-ch-ua
sec-ch-ua-arch sec-ch-ua-mobile sec-ch-ua-platform sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user
sec-gpc sec-purpose sec-token-binding sec-websocket-key sec-websocket-protocol server-timing service-worker
service-worker-navigation-preload set-cookie signature signature-agent signature-input soapaction source-ip
sunset surrogate-capability surrogate-control surrogate-key tcn te traceparent tracestate trailer true-client-ip
ttl upgrade-insecure-requests user user-agent user-id vary via viewport-width want-content-digest warning
wl-proxy-client-ip x-accel-buffering x-accel-redirect x-amz-cf-id x-amzn-trace-id x-appengine-country
x-appengine-user-ip x-arr-ssl x-authenticated-user x-azure-clientip x-azure-fdid x-b3-sampled x-b3-spanid
x-b3-traceid x-backend-host x-cache x-cache-key x-cdn x-client-ip x-cloud-trace-context x-cluster-client-ip
x-content-type-options x-correlation-id x-country-code x-csrf-token x-custom-ip-authorization x-debug
x-device-type x-dns-prefetch-control x-do-not-track x-envoy-external-address x-envoy-original-path x-forward-for
x-forwarded x-forwarded-by x-forwarded-client-cert x-forwarded-for x-forwarded-for-original x-forwarded-host
x-forwarded-method x-forwarded-path x-forwarded-port x-forwarded-prefix x-forwarded-proto x-forwarded-protocol
x-forwarded-query x-forwarded-scheme x-forwarded-server x-forwarded-ssl x-forwarded-uri x-forwarded-url
x-forwarded-user x-geo-country x-host x-http-destinationurl x-http-host-override x-http-method
x-http-method-override x-https x-ip x-language x-locale x-method-override x-middleware-subrequest x-new-url
x-nonce x-original-for x-original-forwarded-for x-original-host x-original-method x-original-path
x-original-port x-original-proto x-original-query x-original-remote-addr x-original-scheme x-original-uri
x-original-url x-originating-ip x-override-url x-pingback x-port x-powered-by x-proxy-url x-proxyuser-ip
x-purpose x-real-host x-real-ip x-redirect-to x-referer x-remote-addr x-remote-ip x-remote-user x-request-start
x-requested-with x-rewrite-url x-role x-scheme x-scope x-server-name x-session-id x-ssl-cert x-tenant
x-tenant-id x-timezone x-trace-id x-url-scheme x-user x-user-agent x-user-email x-user-id x-varnish
x-wap-profile x-xsrf-token xroxy-connection
"""
COMMON = tuple(_NAMES.split())
