/** Fields of messages as protobuf has them, so that a test can write what no writer of ONNX does. */

function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, BigInt(value));
  for (; left >= 0x80n; left >>= 7n) bytes.push(Number(left & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(left)]);
}

const tag = (number: number, type: number): Buffer => varint(8 * number + type);

export const integer = (number: number, value: number | bigint): Buffer =>
  Buffer.concat([tag(number, 0), varint(value)]);

/** A message, a text, packed numbers. `length` says what it claims to have. */
export function bytes(number: number, content: Uint8Array | string, length?: number | bigint): Buffer {
  const whole = typeof content === 'string' ? Buffer.from(content) : content;
  return Buffer.concat([tag(number, 2), varint(length ?? whole.length), whole]);
}

export const message = (number: number, ...fields: Uint8Array[]): Buffer => bytes(number, Buffer.concat(fields));

export function float(number: number, value: number): Buffer {
  const four = Buffer.alloc(4);
  four.writeFloatLE(value);
  return Buffer.concat([tag(number, 5), four]);
}

export const packed = (number: number, values: readonly (number | bigint)[]): Buffer =>
  bytes(number, Buffer.concat(values.map(varint)));

export const floats = (values: readonly number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);

export const int64s = (values: readonly number[]): Buffer => Buffer.from(BigInt64Array.from(values, BigInt).buffer);

/** `TensorProto`'s fields, but for the values. */
export const tensorFields = (name: string, type: number, shape: readonly number[]): Buffer =>
  Buffer.concat([packed(1, shape), integer(2, type), bytes(8, name)]);

export const initializer = (...fields: Uint8Array[]): Buffer => message(5, ...fields);

export const floatInitializer = (name: string, shape: readonly number[], values: readonly number[]): Buffer =>
  initializer(tensorFields(name, 1, shape), bytes(9, floats(values)));

/** External data, by its entries. */
export const int64Initializer = (name: string, values: readonly number[]): Buffer =>
  initializer(tensorFields(name, 7, [values.length]), bytes(9, int64s(values)));

export const external = (entries: Readonly<Record<string, string>>): Buffer =>
  Buffer.concat([
    ...Object.entries(entries).map(([key, value]) => message(13, bytes(1, key), bytes(2, value))),
    integer(14, 1),
  ]);

export const attribute = (name: string, ...value: Uint8Array[]): Buffer => message(5, bytes(1, name), ...value);

export const node = (
  operation: string,
  inputs: readonly string[],
  output: string,
  ...attributes: Uint8Array[]
): Buffer =>
  message(
    1,
    ...inputs.map((name) => bytes(1, name)),
    bytes(2, output),
    bytes(3, `${output}/${operation}`),
    bytes(4, operation),
    ...attributes,
  );

export const integers = (name: string, values: readonly number[]): Buffer => attribute(name, packed(8, values));

/** A graph's input of float32, or of the type that is given. */
export const input = (name: string, type = 1): Buffer =>
  message(11, bytes(1, name), message(2, message(1, integer(1, type))));

export const model = (...graphFields: Uint8Array[]): Buffer =>
  Buffer.concat([integer(1, 8), message(7, ...graphFields)]);
