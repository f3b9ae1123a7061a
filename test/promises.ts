/** An expression and the value that a comment behind it promises; `[a] → [b]` are shapes. */
const promise =
  /^(\s*)(?!const |let |return |\/\/)(.+?) \/\/ (?:(-?[\d.]+|'.*'|\[[^→\n]*\])|\w+Array (\[.*\])|\[.*\] → (\[.*\]))$/gm

/** The code with its promises checked. */
export const checked = (code: string): string =>
  code.replaceAll(promise, (_, indent, expression, value, elements, shape) =>
    shape
      ? `${indent}check((${expression}).shape, ${shape})`
      : `${indent}check(await plain(${expression}), ${value ?? elements})`,
  )
