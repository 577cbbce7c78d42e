"""No proof at all: local servers such as Ollama and llama.cpp. A credential that is set is sent as a bearer."""


def headers(credential: str) -> dict[str, str]:
    return {"authorization": f"Bearer {credential}"} if credential else {}
