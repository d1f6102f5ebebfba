/** The network could not be asked or told. */
export class NetworkTrouble extends Error {
  override readonly name = 'NetworkTrouble'
}
