/** A moment as files of statistics write it: in the machine's own time zone. */
import type { WallTime } from '../events/index.ts'

/** `YYYY/MM/DD HH:MM:SS.mmm` */
export const localTime = (at: WallTime): string => {
  const date = new Date(at)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}/${two(date.getMonth() + 1)}/${two(date.getDate())}`
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')
  return `${day} ${time}.${String(date.getMilliseconds()).padStart(3, '0')}`
}
