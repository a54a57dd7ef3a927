"""Restores checkpoints with TensorFlow and compares every variable with a manifest.

    python restore_with_tensorflow.py PREFIX [PREFIX ...]

Beside each PREFIX lies PREFIX.manifest.json: {"variables": {name: {"dtype", "shape", "sha256" or "values"}}}. The op is
RestoreV2, which tf.train.Saver.restore runs, for V1 as for V2. Prints a line a checkpoint with the seconds that the op
took and the largest memory of the process; exit status 1 where a variable is missing, surplus or different.
"""

import hashlib
import json
import os
import resource
import sys
import time

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
import numpy as np
import tensorflow as tf


def describe(tensor):
    if tensor.dtype == tf.string:
        values = [bytes(b).decode('latin-1') for b in np.ravel(tensor.numpy()).tolist()]
        return {'dtype': 'string', 'shape': tensor.shape.as_list(), 'values': values}
    plain = {tf.qint16: tf.int16, tf.quint16: tf.uint16}.get(tensor.dtype)
    array = (tensor if plain is None else tf.bitcast(tensor, plain)).numpy()
    sha256 = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
    return {'dtype': tensor.dtype.name, 'shape': tensor.shape.as_list(), 'sha256': sha256}


def compare(prefix):
    with open(prefix + '.manifest.json') as file:
        wanted = json.load(file)['variables']
    found = tf.train.load_checkpoint(prefix)
    shapes, types = found.get_variable_to_shape_map(), found.get_variable_to_dtype_map()
    names = sorted(shapes)
    faults = ['%s is only in one of the two' % name for name in sorted(set(names) ^ set(wanted))]
    start = time.perf_counter()
    tensors = tf.raw_ops.RestoreV2(prefix=prefix, tensor_names=names, shape_and_slices=[''] * len(names),
                                   dtypes=[types[name] for name in names])
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for name, tensor in zip(names, tensors):
        restored, entry = describe(tensor), wanted.get(name, {})
        for key, value in restored.items():
            if key in entry and entry[key] != value:
                faults.append('%s: %s is %s, restored %s' % (name, key, entry[key], value))
    print('%s: %d variables, %.3f s, peak %.0f MiB, %d faults' % (prefix, len(names), seconds, peak, len(faults)))
    for fault in faults:
        print('    ' + fault)
    return not faults


sys.exit(0 if all([compare(prefix) for prefix in sys.argv[1:]]) else 1)
