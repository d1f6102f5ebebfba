/** Columns of text, aligned whatever their colours are. */
import { stripVTControlCharacters } from 'node:util'

export type Row = readonly string[]
export const row = (...cells: Row): Row => cells

const widthOf = (text: string): number => [...stripVTControlCharacters(text)].length

/** Cells two spaces apart; a column that is empty everywhere takes no room. */
export const table = (rows: readonly Row[]): readonly string[] => {
  const columns = Math.max(0, ...rows.map((cells) => cells.length))
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((cells) => widthOf(cells[column] ?? ''))),
  )
  return rows.map((cells) =>
    cells
      .map((cell, column) => ({ cell, width: widths[column] ?? 0 }))
      .filter(({ width }) => width > 0)
      .map(({ cell, width }) => cell + ' '.repeat(width - widthOf(cell)))
      .join('  ')
      .trimEnd(),
  )
}

export const indent = (lines: readonly string[], by = 2): readonly string[] =>
  lines.map((line) => ' '.repeat(by) + line)

/** As many lines as the terminal's width makes of it, broken between words: what is cut off is what somebody needed. */
export const foldTo = (line: string, columns: number): readonly string[] => {
  if (widthOf(line) <= columns) return [line]
  const blank = ' '.repeat(Math.min(line.search(/\S|$/) + 4, Math.floor(columns / 2)))
  const lines: string[] = []
  let begun = ''
  for (const word of line.split(/(?<=\S) +(?=\S)/)) {
    const longer = begun === '' ? word : `${begun} ${word}`
    if (begun !== '' && widthOf(longer) > columns) {
      lines.push(begun)
      begun = `${blank}${word}`
    } else begun = longer
  }
  return [...lines, begun].map((one) => cutTo(one, columns))
}

/** Cut to the terminal's width, colours kept whole. */
const cutTo = (line: string, columns: number): string => {
  if (widthOf(line) <= columns) return line
  let left = columns - 1
  let kept = ''
  // Colour codes, every other part, take no room.
  for (const [place, part] of line.split(/(\p{Cc}\[[0-9;]*m)/u).entries()) {
    const shown = place % 2 === 1 ? part : [...part].slice(0, left).join('')
    if (place % 2 === 0) left -= widthOf(shown)
    kept += shown
  }
  return `${kept}…`
}
