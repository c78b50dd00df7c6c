"""Serves one model with llama.cpp through the xllamacpp package.

Everpoint starts this file, writes one line of JSON to its standard input, and keeps that pipe open for as long as the
engine is wanted. The end of the pipe is the end of this process, so nothing is left behind however Everpoint ends, on any
operating system. The key comes by the pipe too: other users can read a command line, but not a pipe.
"""

import json
import os
import sys
import threading


def exit_at_end_of_input():
    while os.read(0, 4096):
        pass
    os._exit(0)


def read_settings():
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 65536)
        if not piece:
            os._exit(0)
        line += piece
    return json.loads(line)


def parameters(xllamacpp, settings):
    p = xllamacpp.CommonParams()
    p.hostnames = ["127.0.0.1"]
    p.port = settings["port"]
    p.api_keys = [settings["key"]]
    p.model.path = settings["model"]
    p.n_ctx = settings["context"]
    p.n_parallel = settings["slots"]
    p.kv_unified = False  # every slot has its own context, so that a long answer cannot take a neighbour's
    p.ctx_shift = False  # an answer ends at the end of the context
    p.cache_ram_mib = 0  # its default is 8 GiB
    p.cache_idle_slots = False  # which that cache is for
    p.cpuparams.n_threads = settings["threads"]
    p.cpuparams_batch.n_threads = settings["threads"]
    p.use_jinja = True
    p.endpoint_slots = True
    p.ui = False
    if settings["batch"]:
        p.n_batch = settings["batch"]
        p.n_ubatch = settings["batch"]
    p.embedding = settings["embeddings"]
    return p


def main():
    settings = read_settings()
    watch = threading.Thread(target=exit_at_end_of_input, daemon=True)
    watch.start()
    import xllamacpp

    server = xllamacpp.Server(parameters(xllamacpp, settings))
    watch.join()
    del server


main()
