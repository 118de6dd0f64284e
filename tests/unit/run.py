"""Run one test function: `micropython run.py <module> <function>`. Coroutines run in asyncio."""

import asyncio
import sys

module, function = sys.argv[1:]
test = getattr(__import__(module), function)
coroutine = test()
if coroutine is not None:
    asyncio.run(coroutine)
