import { tellStory } from './story.ts'

// The same cluster, told to trust our issuer, and without the account that impersonates.
tellStory('token')
