"""What a process is told and what it tells: JSON in its only argument, JSON lines on standard output."""

import json
import platform
import resource
import sys
import time

settings = json.loads(sys.argv[1])


def report(line):
    print(json.dumps(line), flush=True)


def report_measure(seconds, images):
    report({'system': settings['system'], 'images': images, 'seconds': seconds})


def time_steps(images, step):
    for index in range(settings['warmup'] + settings['steps']):
        start, cpu_start = time.perf_counter(), time.process_time()
        step()
        if index >= settings['warmup']:
            seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
            report({'system': settings['system'], 'images': images, 'seconds': seconds, 'cpuSeconds': cpu_seconds})


def report_end(versions):
    unit = 1 if sys.platform == 'darwin' else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    report({'peakBytes': peak, 'versions': {'Python': platform.python_version(), **versions}})
