"""`Authorization: Bearer …`: OpenAI and everything that imitates it."""


def headers(credential: str) -> dict[str, str]:
    return {"authorization": f"Bearer {credential}"}
