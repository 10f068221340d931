"""Images for Docker, of which nothing that is run here needs one."""


def get_test_project_docker_image() -> str:
    return ""


def build_and_tag_test_image(tag: str) -> None:
    raise NotImplementedError(tag)
