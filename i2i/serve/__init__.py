"""``i2i serve``: a page to try a translator on, and a small HTTP API.

Two processes: the one that was started talks HTTP and never looks at a picture; the other one holds the model, and
decodes, translates and encodes. A file that crashes a decoder, takes too long or eats the memory ends the second
process alone, and the next request starts it anew.

:mod:`~i2i.serve.server` binds the address and runs both; :mod:`~i2i.serve.app` has the endpoints;
:mod:`~i2i.serve.guard` judges whose requests are heard, :mod:`~i2i.serve.service` how many and how large;
:mod:`~i2i.serve.worker` is the second process seen from the first, :mod:`~i2i.serve.translating` from within.
"""

from i2i.serve.messages import Limits, ModelInfo
from i2i.serve.server import serve

__all__ = ["Limits", "ModelInfo", "serve"]
