'use strict';

// Where the services that are not everywhere can be had. Reviewed in November 2026 against `endpoints.json` of botocore
// 1.43.106 (`boto3.session.Session().get_available_regions(service)`), which AWS keeps for its own tools. A region that AWS
// adds is refused until it is added here.
module.exports = {
  Rekognition: [
    'ap-northeast-1',
    'ap-northeast-2',
    'ap-south-1',
    'ap-southeast-1',
    'ap-southeast-2',
    'ap-southeast-5',
    'ap-southeast-7',
    'ca-central-1',
    'eu-central-1',
    'eu-south-2',
    'eu-west-1',
    'eu-west-2',
    'il-central-1',
    'sa-east-1',
    'us-east-1',
    'us-east-2',
    'us-west-1',
    'us-west-2',
  ],
  Translate: [
    'ap-east-1',
    'ap-northeast-1',
    'ap-northeast-2',
    'ap-south-1',
    'ap-southeast-1',
    'ap-southeast-2',
    'ca-central-1',
    'eu-central-1',
    'eu-north-1',
    'eu-west-1',
    'eu-west-2',
    'eu-west-3',
    'us-east-1',
    'us-east-2',
    'us-west-1',
    'us-west-2',
  ],
};
