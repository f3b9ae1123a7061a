import wabt from 'wabt'

/** A module in WebAssembly's text format. */
export async function disassemble(bytes: Uint8Array): Promise<string> {
  const { readWasm } = await wabt()
  const wasm = readWasm(bytes, {
    simd: true,
    threads: true,
    relaxed_simd: true,
    readDebugNames: true,
  })
  try {
    wasm.applyNames()
    return wasm.toText({ foldExprs: true, inlineExport: true })
  } finally {
    wasm.destroy()
  }
}
