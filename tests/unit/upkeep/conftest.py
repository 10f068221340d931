from tests.unit.execution.core.conftest import setting

__all__ = ["setting"]
