"""Names by which a caller would steer a request: to another address, another credential, another proxy.

Where a request goes and as whom is set by the operator alone. Such names are refused, not ignored: whoever
sends one expects it to work.
"""

from gateway.dataplane.errors import UnknownParameter

STEERING_FIELDS = frozenset(
    """account account_id access_token api_base api_key api_type api_url api_version authorization
    aws_access_key_id aws_region_name aws_secret_access_key aws_session_token azure_ad_token azure_deployment
    azure_endpoint base_url callback_url credentials custom_host custom_llm_provider deployment_id endpoint
    extra_body extra_headers extra_query fallbacks headers host hostname http_proxy https_proxy litellm_params
    mock_response mock_testing_fallbacks model_list num_retries organization org_id project_id proxies proxy
    proxy_url request_timeout router_settings socks_proxy target_url timeout upstream upstream_url user_config
    vertex_credentials vertex_location vertex_project webhook_url""".split()
)

# Headers by which other gateways let a caller choose the upstream; refused like the fields they mirror.
STEERING_HEADERS = frozenset(
    (prefix + name.replace("_", separator)).encode()
    for name in STEERING_FIELDS - {"authorization", "host", "api_key", "timeout", "request_timeout", "headers"}
    for prefix in ("", "x-", "x-portkey-", "x-litellm-", "x-bf-", "cf-aig-")
    for separator in ("-", "_")
)


def refusal_of(name: str) -> UnknownParameter:
    return UnknownParameter(
        f"{name!r} is not accepted: address, credential and routing of a request are set by the gateway's "
        f"operator. Remove it.",
        param=name,
    )
