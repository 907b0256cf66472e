from typing import Any

Metric: Any
Param: Any
Run = Any
RunTag: Any
