/** Ops of the reference cases that Brickwork does not have yet, and what they wait for. */
const attention = 'attention comes with transformers'

export const later: Readonly<Record<string, string>> = {
  scaled_dot_product_attention: attention,
  multihead_attention: attention,
}
