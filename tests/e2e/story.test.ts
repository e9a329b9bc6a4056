import { tellStory } from './story.ts'

tellStory('impersonation')
