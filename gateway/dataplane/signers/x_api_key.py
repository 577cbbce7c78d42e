"""`x-api-key`: Anthropic."""


def headers(credential: str) -> dict[str, str]:
    return {"x-api-key": credential}
