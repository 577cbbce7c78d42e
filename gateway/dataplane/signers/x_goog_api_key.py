"""`x-goog-api-key`: Gemini. Never `?key=` in the address, which ends up in logs."""


def headers(credential: str) -> dict[str, str]:
    return {"x-goog-api-key": credential}
