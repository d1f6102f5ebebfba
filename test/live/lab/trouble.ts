/** The machine did not do what the lab asked of it. */
export class LabTrouble extends Error {
  override readonly name = 'LabTrouble'
}
