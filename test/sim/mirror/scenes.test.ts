/** Scenes of two servers with a mirror disk: see scenes.ts. What breaks a rule is seen in them: mutants.test.ts. */
import { expect, test } from 'vitest'
import { playScene, type SceneName, scenes } from './scenes.ts'

// cast: these are its keys
test.each(Object.keys(scenes) as SceneName[])('nothing is lost, and both sides are equal: %s', async (name) => {
  const { failure, history } = await playScene(name)
  expect(failure, `${failure}\n${history.slice(-60).join('\n')}`).toBeNull()
})
